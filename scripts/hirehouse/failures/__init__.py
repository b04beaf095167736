"""Failed events: inspecting, patching, replaying and discarding them."""
