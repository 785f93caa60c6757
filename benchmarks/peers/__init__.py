"""The crawlers that ours is measured against, each as a script that its own environment runs."""
