"""What widgets look like: a Python file each, with a `.js` where it has behaviour; `kit.js` and `kit.css` serve all."""
