"""What programs written for ipykernel look for."""
