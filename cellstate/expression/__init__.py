"""What a table of numbers means: names of genes, unit, and TPM on the gene axis. No file, no model."""
