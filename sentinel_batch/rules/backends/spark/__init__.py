"""Rules on Spark, through Spark Connect: the client sends plans and receives Arrow, and needs no Java."""
