"""Which files in a folder are videos or frames, by the end of their names."""

from __future__ import annotations

VIDEO_SUFFIXES = frozenset(
    {
        ".264", ".265", ".3g2", ".3gp", ".3gp2", ".3gpp", ".amv", ".apng", ".asf", ".av1", ".avc", ".avi",
        ".divx", ".dv", ".evo", ".f4v", ".flc", ".fli", ".flv", ".gif", ".gxf", ".h261", ".h263", ".h264",
        ".h265", ".hevc", ".ismv", ".ivf", ".m1v", ".m2t", ".m2ts", ".m2v", ".m4v", ".mj2", ".mjpeg",
        ".mjpg", ".mk3d", ".mkv", ".mod", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg", ".mpv", ".mts", ".mxf",
        ".nut", ".obu", ".ogm", ".ogv", ".ogx", ".qt", ".rm", ".rmvb", ".roq", ".swf", ".tod", ".ts",
        ".vc1", ".vob", ".webm", ".wmv", ".wtv", ".xvid", ".y4m",
    }
)  # fmt: skip
"""What files in a folder are taken for videos by; a file named by itself may have any suffix."""

IMAGE_SUFFIXES = frozenset(
    {".bmp", ".jfif", ".jpe", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
"""What files in a folder are taken for frames by."""
