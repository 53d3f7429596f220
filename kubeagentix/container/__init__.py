"""What is needed to run inside a container: the host's kubeconfig made usable, and bridges to clusters on the host.

`python -m kubeagentix.container -- COMMAND…` prepares both, then runs COMMAND. Only PyYAML and the standard library
are loaded, as nothing answers before this is done.
"""
