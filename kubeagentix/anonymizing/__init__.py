"""Names of objects and places, which a model need not know: hidden on the way to it, and put back on the way here."""
