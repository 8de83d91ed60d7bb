"""What a study leaves: its tables, figures, report, and sessions of TensorBoard's HParams."""
