"""What makes IPython faster, part by part; each can be left out."""
