"""What this machine can do, what gatewise makes of it, and the same work in other libraries."""
