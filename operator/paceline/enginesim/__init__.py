"""`paceline engine-sim`: OpenAI's API in front of the step model, with words from an n-gram model."""
