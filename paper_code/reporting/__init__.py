"""Tables and figures: one module each, named after what it writes."""
