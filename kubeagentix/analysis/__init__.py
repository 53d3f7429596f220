"""What analyzers share: reading logs, placing pods, evaluating policies, wording findings. Pure, like them."""
