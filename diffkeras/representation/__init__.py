"""What a network sees and is judged by: transforms, regions, network input, target."""
