"""How the detector of spliced sentences was made: calls with and without one, composed of clips, and its training."""
