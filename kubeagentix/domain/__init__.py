"""Values only: no I/O, no clock, only the standard library and msgspec, whose Structs the API is decoded into."""
