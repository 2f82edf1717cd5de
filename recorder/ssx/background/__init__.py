"""What a pixel counts where there is no spot."""
