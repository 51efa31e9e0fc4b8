"""What tests share: made-up studies and models, scripted engines and servers, and copies of the project to run in."""
