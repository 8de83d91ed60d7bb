"""The `diffusion_fields` dataset."""
