"""What every section measures with. Knows nothing of what is measured."""
