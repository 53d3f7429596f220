"""The kubeagentix program."""
