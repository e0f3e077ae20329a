"""What is sent: pictures, blobs and files made from a seed, verifiable by anyone who has it."""
