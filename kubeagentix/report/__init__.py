"""What every way of showing a diagnosis agrees on: safe text, the words, the cause chain, the plain layout."""
