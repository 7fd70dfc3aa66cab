"""The one door to the model: whoever needs predictions asks a `Predictor` (`base.py`) and need not know where they come from."""
