"""Two models over the same held-out records: is the challenger better than the champion, and nowhere worse?"""
