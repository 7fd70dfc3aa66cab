"""Our own rules of safety for SageMaker, over synthesized templates: each a pure function, none knows a stack."""
