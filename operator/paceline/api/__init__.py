"""The kinds as users write them: models, names, quantities, conditions, and the CRDs generated from them."""
