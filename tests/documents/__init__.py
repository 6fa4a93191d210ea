"""What the documents show is made here: `python -m tests.documents` writes pictures and outputs of commands anew."""
