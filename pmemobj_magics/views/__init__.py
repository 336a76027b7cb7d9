"""How pools are shown: one package for each feature, under the name that its magic and its command have."""
