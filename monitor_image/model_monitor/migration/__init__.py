"""Coming from SageMaker's own monitors: what an account has becomes an environment file, and what they said is compared."""
