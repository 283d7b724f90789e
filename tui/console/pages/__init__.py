"""What the screens say: pure functions from the record to lines, without a terminal."""
