"""What a network sees: `NetworkView`, transforms, targets and regions."""
