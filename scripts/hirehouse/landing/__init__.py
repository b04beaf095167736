"""Landing: reads inputs in batches, checks events and writes them to schema landed."""
