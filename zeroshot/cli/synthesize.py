"""`zeroshot synthesize`."""
