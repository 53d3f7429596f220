"""VS Code's webview for the outputs of a notebook, as far as it can be had without VS Code."""
