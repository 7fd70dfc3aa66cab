"""The embedded AWS: moto plus what it lacks, on loopback. The kit never imports it."""
