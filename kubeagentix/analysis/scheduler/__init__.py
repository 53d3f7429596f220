"""What the scheduler says of a pod it cannot place, held against the nodes, and put into words."""
