"""How credentials are recognised in a text: by their form, by the name they are set to, by where they stand.

Every part gives the spans of a text that hold one; `spans.py` joins them. To stay fast in logs of many megabytes,
nothing is searched for with one large expression: literal marks are found first, and only there one is tried.
"""
