"""What a run is told: its inputs, from a configuration, from a laptop or from a container."""
