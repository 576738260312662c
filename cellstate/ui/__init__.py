"""The web app; beside `app.py` and `pages/`, the only code that knows Streamlit."""

from cellstate.threads import one_thread_for_numpy
from cellstate.ui.streamlit_compat import keep_uploads_in_memory, never_look_up_addresses, use_navigation_only

one_thread_for_numpy()
keep_uploads_in_memory()
never_look_up_addresses()
use_navigation_only()
