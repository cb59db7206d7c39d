"""What a run asks before it starts: what `auto` means here, and which sources decide a result."""
