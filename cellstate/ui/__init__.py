"""The web app's parts: the only package code that knows Streamlit."""
