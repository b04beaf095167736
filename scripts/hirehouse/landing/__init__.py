"""Landing: inputs are read in batches, checked and written."""
