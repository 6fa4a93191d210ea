"""Do the tests notice when a mend is taken out again? `make mutations` tries it, one mend after the other."""
