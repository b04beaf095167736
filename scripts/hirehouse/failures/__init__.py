"""Failed events: what is wrong with them, and what people do about it."""
