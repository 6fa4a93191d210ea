"""A shard becomes two, step by step; each step can be repeated, and sees what is done already."""
