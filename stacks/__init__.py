"""The AWS CDK stacks and constructs."""
