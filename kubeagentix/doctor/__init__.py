"""`kubeagentix doctor`: what of this machine's set-up works, what does not, and what to do about it."""
