# `flask run -p 5000` finds the admin Web API here, and its settings in .env: cp development.env .env
FLASK_APP=admin.web.development
