print("mlpconv")
