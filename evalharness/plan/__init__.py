"""What will be sent: arms, the trials in their order, and what they may cost. Pure values of a suite and flags."""
