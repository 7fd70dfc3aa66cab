"""What merges and knows no monitor."""
