"""What a family is: parameters, their ranges, its problems, and the equations these share."""
