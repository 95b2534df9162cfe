# silent

   
	

